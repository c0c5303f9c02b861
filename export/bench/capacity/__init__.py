"""How much load one server takes within a deadline, and how many servers a load needs."""
