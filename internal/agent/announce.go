package agent

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// announce tells the server where the service of this host takes requests. A server that refuses it ends the agent:
// whoever started it has to know; one that does not answer is asked again.
func (a *agent) announce(ctx context.Context) error {
	if a.Service == "" {
		return nil
	}
	api := slipway.Client{Client: &awsproto.Client{
		Endpoint:    a.Endpoint,
		Region:      a.Region,
		Credentials: a.Credentials,
		HTTP:        a.HTTP,
	}}
	for wait := (backoff{}); ; wait.sleep(ctx) {
		call, cancel := context.WithTimeout(ctx, callFor)
		_, err := api.PutHostService(call,
			&slipway.PutHostServiceInput{HostIdentifier: &a.identity, Address: &a.Service})
		cancel()
		if err == nil || final(err) || ctx.Err() != nil {
			return err
		}
		if wait.first() {
			a.Log.Warn("the server can't be told where the service listens; trying again", "error", err)
		}
	}
}
