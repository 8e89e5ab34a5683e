"""What Labelmesh labels: assets, ontologies, annotations and labels, values without a service around them."""
