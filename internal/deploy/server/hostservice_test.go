package server_test

import (
	"testing"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// TestAHostPublishesItsOwnAddress: by its word a load balancer sends requests to an address, which must not be
// another's.
func TestAHostPublishesItsOwnAddress(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", nil)
	publish := func(api slipway.API, address string) error {
		_, err := api.PutHostService(t.Context(),
			&slipway.PutHostServiceInput{HostIdentifier: &h.name, Address: &address})
		return err
	}
	own := slipway.Client{Client: w.client(h.key)}
	for address, want := range map[string]string{
		"127.0.0.1:8000":     "",
		"169.254.169.254:80": "AccessDeniedException",
		"192.0.2.7:80":       "AccessDeniedException",
		"0.0.0.0:80":         "ValidationException",
		"10.0.0.7":           "ValidationException",
		"":                   "",
	} {
		if err := publish(own, address); awsproto.Code(err) != want {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
	if err := publish(w.slipway, "192.0.2.7:80"); err != nil {
		t.Errorf("an administrator says where a host's service is: %v", err)
	}
}
