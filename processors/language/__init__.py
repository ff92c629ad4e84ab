"""Language model engines and the reply they stream."""
