// Package agent is the program on a host that is deployed to. It asks the server for commands by the protocol of AWS's
// CodeDeploy agent, keeps that agent's files where it keeps them, and does what it does: fetch a revision, install its
// files, run its scripts.
package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"slipway/api/awsproto/sigv4"
)

// Config is what an agent needs to know.
type Config struct {
	Endpoint string // of the server: http://127.0.0.1:8080
	// S3Endpoint is where revisions are fetched; "" for Endpoint.
	S3Endpoint string
	Region     string
	// Name is the on-premises instance that the host is. HostIdentifier, the ARN of its IAM user, can be given
	// instead; without either the host is what its key belongs to.
	Name           string
	HostIdentifier string
	Credentials    sigv4.Credentials
	// Service is the IP:PORT at which the service of the host takes requests from a load balancer; "" if it is behind
	// none.
	Service string
	// Root is put before every absolute path, the agent's own included: nothing is written outside it. "" is the whole
	// machine.
	Root string
	Log  *slog.Logger
	HTTP *http.Client // nil for one that suits
}

// OnPremisesFile is where AWS's tools put the configuration of an on-premises host.
const OnPremisesFile = "/etc/codedeploy-agent/conf/codedeploy.onpremises.yml"

// ReadOnPremises fills in what an on-premises configuration file says: region, iam_user_arn, aws_access_key_id,
// aws_secret_access_key. The file holds a secret and should be readable by its owner alone.
func (c *Config) ReadOnPremises(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the on-premises configuration: %w", err)
	}
	var file struct {
		Region  string `yaml:"region"`
		User    string `yaml:"iam_user_arn"`
		Session string `yaml:"iam_session_arn"`
		Key     string `yaml:"aws_access_key_id"`
		Secret  string `yaml:"aws_secret_access_key"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return fmt.Errorf(
			"%s: it must be YAML with region, iam_user_arn, aws_access_key_id and aws_secret_access_key: %s", path,
			yaml.FormatError(err, false, false))
	}
	if file.Session != "" {
		return fmt.Errorf(
			"%s: iam_session_arn is not supported; give iam_user_arn with aws_access_key_id and aws_secret_access_key",
			path)
	}
	for name, value := range map[string]string{
		"region":                file.Region,
		"iam_user_arn":          file.User,
		"aws_access_key_id":     file.Key,
		"aws_secret_access_key": file.Secret,
	} {
		if value == "" {
			return fmt.Errorf("%s: %s is missing", path, name)
		}
	}
	c.Region, c.HostIdentifier = file.Region, file.User
	c.Credentials = sigv4.Credentials{AccessKeyID: file.Key, SecretAccessKey: file.Secret}
	return nil
}

func (c *Config) check() error {
	switch {
	case c.Endpoint == "":
		return errors.New("the agent needs the server's address")
	case c.Region == "":
		return errors.New("the agent needs the server's region")
	case c.Credentials.AccessKeyID == "" || c.Credentials.SecretAccessKey == "":
		return errors.New("the agent needs the access key of its host")
	}
	if c.Root == "/" {
		c.Root = ""
	}
	if c.Root != "" {
		root, err := filepath.Abs(c.Root)
		if err != nil {
			return err
		}
		c.Root = root
	}
	if c.S3Endpoint == "" {
		c.S3Endpoint = c.Endpoint
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
