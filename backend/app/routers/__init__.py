"""The endpoints, one router for each subject. They read requests and write answers."""
