"""What Labelmesh labels: assets, ontologies, annotations and labels; pure values without a service around them."""
