package slipway

import "slipway/api/awsproto"

// LogPath is where a server has the bytes of logs. A GET, signed for this service, names the log by the parameters
// group and stream, and may ask for the bytes from offset on, and with follow=true for those that are yet to come.
const LogPath = "/v1/log"

// LogComplete is the trailer of an answer that followed a log to its end.
const LogComplete = "X-Slipway-Complete"

// Info describes this service.
func Info() *awsproto.Info { return &info }
