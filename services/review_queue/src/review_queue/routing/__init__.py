"""The way of a task to a person and between people: pools, four eyes, several answers, send-back, deadlines."""
