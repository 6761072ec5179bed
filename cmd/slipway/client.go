package main

import (
	"fmt"
	"os"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

// client is how a command reaches a server: by the settings that the aws CLI uses too.
type client struct {
	Endpoint string `help:"Address of the server." default:"http://127.0.0.1:8080" env:"SLIPWAY_ENDPOINT,AWS_ENDPOINT_URL"`
	Region   string `help:"Region of the server." default:"us-east-1" env:"SLIPWAY_REGION,AWS_REGION,AWS_DEFAULT_REGION"`
}

// keys are the caller's, from the environment: SLIPWAY_… or AWS_….
func keys() (sigv4.Credentials, error) {
	for _, prefix := range []string{"SLIPWAY_", "AWS_"} {
		c := sigv4.Credentials{AccessKeyID: os.Getenv(prefix + "ACCESS_KEY_ID"), SecretAccessKey: os.Getenv(prefix + "SECRET_ACCESS_KEY"), SessionToken: os.Getenv(prefix + "SESSION_TOKEN")}
		if c.AccessKeyID != "" && c.SecretAccessKey != "" {
			return c, nil
		}
	}
	return sigv4.Credentials{}, fmt.Errorf("no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for example with: set -a; . slipway-data/keys/administrator; set +a")
}

func (c client) open() (*awsproto.Client, error) {
	k, err := keys()
	if err != nil {
		return nil, err
	}
	return &awsproto.Client{Endpoint: c.Endpoint, Region: c.Region, Credentials: k}, nil
}
