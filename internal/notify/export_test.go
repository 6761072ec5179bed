package notify

// Reachable is reachable, for tests.
var Reachable = reachable
