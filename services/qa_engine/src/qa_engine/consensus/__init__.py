"""What several people's answers to one asset come to, how far they agree, and how good each person is."""
