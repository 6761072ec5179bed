package main

import (
	"fmt"
	"net/http"
	"os"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codeconnections"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/iam"
	"slipway/api/secretsmanager"
	"slipway/api/slipway"
	"slipway/api/ssm"
	"slipway/api/sts"
	"slipway/internal/app"
	"slipway/internal/terminal"
)

// client says how a command reaches a server, by the settings that the aws CLI uses too.
type client struct {
	Endpoint string `help:"Address of the server." default:"http://127.0.0.1:8080" env:"SLIPWAY_ENDPOINT,AWS_ENDPOINT_URL"`
	CA       string `help:"File with the authorities (PEM) to trust besides the machine's." env:"SLIPWAY_CA,AWS_CA_BUNDLE" name:"ca"`
	Region   string `help:"Region of the server." default:"us-east-1" env:"SLIPWAY_REGION,AWS_REGION,AWS_DEFAULT_REGION"`
}

// Defaults of settings that are not set, or are empty.
const (
	defaultEndpoint = "http://127.0.0.1:8080"
	defaultRegion   = "us-east-1"
)

// keys returns the caller's keys from the environment: SLIPWAY_… or AWS_….
func keys() (sigv4.Credentials, error) {
	for _, prefix := range []string{"SLIPWAY_", "AWS_"} {
		c := sigv4.Credentials{
			AccessKeyID:     os.Getenv(prefix + "ACCESS_KEY_ID"),
			SecretAccessKey: os.Getenv(prefix + "SECRET_ACCESS_KEY"),
			SessionToken:    os.Getenv(prefix + "SESSION_TOKEN"),
		}
		if c.AccessKeyID != "" && c.SecretAccessKey != "" {
			return c, nil
		}
	}
	return sigv4.Credentials{}, exit(
		exitAccess,
		fmt.Errorf(
			"no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for example with: set -a; . "+
				"slipway-data/keys/administrator; set +a",
		),
	)
}

// AfterApply has the clients of this process trust what they are told to.
func (c client) AfterApply() error { return app.Trust(c.CA) }

func (c client) open() (*awsproto.Client, error) {
	k, err := keys()
	if err != nil {
		return nil, err
	}
	at, err := serverAt(c.Endpoint)
	if err != nil {
		return nil, err
	}
	region := c.Region
	if region == "" {
		region = defaultRegion
	}
	return &awsproto.Client{Endpoint: at, Region: region, Credentials: k}, nil
}

// contract is a server's services, as commands call them.
type contract struct {
	sources     codecommit.API
	builds      codebuild.API
	deployments codedeploy.API
	pipelines   codepipeline.API
	slipway     slipway.API
	identity    iam.API
	tokens      sts.API
	ssm         ssm.API
	connections codeconnections.API
	vault       secretsmanager.API
}

// contract opens the services. If a call takes long, the user is told what it waits for.
func (c client) contract() (*contract, error) {
	conn, err := c.open()
	if err != nil {
		return nil, err
	}
	if terminal.IsTerminal(os.Stderr) {
		conn.HTTP = &http.Client{Transport: terminal.Progress{RoundTripper: http.DefaultTransport, Terminal: os.Stderr}}
	}
	return newContract(conn), nil
}

func newContract(conn *awsproto.Client) *contract {
	return &contract{
		codecommit.Client{Client: conn},
		codebuild.Client{Client: conn},
		codedeploy.Client{Client: conn},
		codepipeline.Client{Client: conn},
		slipway.Client{Client: conn},
		iam.Client{Client: conn},
		sts.Client{Client: conn},
		ssm.Client{Client: conn},
		codeconnections.Client{Client: conn},
		secretsmanager.Client{Client: conn},
	}
}
