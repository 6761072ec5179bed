package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// credentialCommand answers git as `aws codecommit credential-helper` does, for any host.
type credentialCommand struct {
	Region string `help:"Region of the server." default:"us-east-1" env:"SLIPWAY_REGION,AWS_REGION,AWS_DEFAULT_REGION"`
	Action string `arg:"" help:"get; git also says store and erase, which do nothing."`
}

func (c *credentialCommand) Help() string {
	return "Lets git sign in with the access key.\n\n" +
		"  git config --global credential.http://127.0.0.1:8080.helper '!slipway git-credential'\n" +
		"  git config --global credential.http://127.0.0.1:8080.useHttpPath true"
}

func (c *credentialCommand) Run() error {
	if c.Action != "get" {
		return nil
	}
	asked := map[string]string{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan() && lines.Text() != ""; {
		name, value, _ := strings.Cut(lines.Text(), "=")
		asked[name] = value
	}
	if asked["path"] == "" {
		return fmt.Errorf(
			"git does not say which repository it means; set: git config --global credential.%s://%s.useHttpPath true",
			asked["protocol"],
			asked["host"],
		)
	}
	k, err := keys()
	if err != nil {
		return err
	}
	username, password := k.GitPassword(asked["host"], "/"+strings.TrimPrefix(asked["path"], "/"), c.Region, time.Now())
	_, err = fmt.Printf("username=%s\npassword=%s\n", username, password)
	return err
}
