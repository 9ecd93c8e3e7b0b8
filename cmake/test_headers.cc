// Nothing of its own: what it is compiled with is kept for the tests.
