"""What all routers share: error answers, documented answers, middleware."""
