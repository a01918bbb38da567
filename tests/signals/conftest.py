def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; leave out with -m 'not slow'")
