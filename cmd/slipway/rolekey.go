package main

import (
	"fmt"
	"os"

	"slipway/internal/app"
)

// keyOf returns the access key of a runner or a router: SLIPWAY_ACCESS_KEY_ID of the environment, the key that a server
// has written to the data folder, or AWS_ACCESS_KEY_ID, which may be its user's own. Processes that this one starts do
// not get these variables.
func keyOf(data app.Data, role string) (app.Key, error) {
	var found [2]app.Key
	for i, prefix := range []string{"SLIPWAY_", "AWS_"} {
		found[i] = app.Key{ID: os.Getenv(prefix + "ACCESS_KEY_ID"), Secret: os.Getenv(prefix + "SECRET_ACCESS_KEY")}
		for _, name := range []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"} {
			_ = os.Unsetenv(prefix + name)
		}
	}
	if found[0].ID != "" && found[0].Secret != "" {
		return found[0], nil
	}
	key, ok, err := data.ReadKey(role)
	switch {
	case err != nil || ok:
		return key, err
	case found[1].ID != "" && found[1].Secret != "":
		return found[1], nil
	}
	return key, fmt.Errorf("there is no key of a %s in %s: start the server first, which makes it, or set "+
		"SLIPWAY_ACCESS_KEY_ID and SLIPWAY_SECRET_ACCESS_KEY", role, data.Keys())
}
