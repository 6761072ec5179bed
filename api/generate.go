// Package api is the contract: a package for each service that Slipway speaks, generated from its model.
package api

//go:generate sh -c "cd gen && go run . -out .."
