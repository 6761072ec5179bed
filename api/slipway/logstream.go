package slipway

import "slipway/api/awsproto"

// LogPath is where a server has the bytes of logs. A GET, signed for this service, names the log by the parameters
// group and stream, and may ask for the bytes from offset on, and with follow=true for those that are yet to come.
const LogPath = "/v1/log"

// LogComplete is the trailer of an answer that followed a log to its end.
const LogComplete = "X-Slipway-Complete"

// Info describes this service.
func Info() *awsproto.Info { return &info }

// TerminalPath is where a runner connects a terminal of a build with the client that waits for it: a WebSocket, signed
// for this service, with the parameters session, id (of the build) and runner.
const TerminalPath = "/v1/terminal"
