func start() {}
