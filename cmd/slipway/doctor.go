package main

import (
	"context"
	"fmt"
	"os"

	"slipway/internal/app"
	"slipway/internal/store"
)

type doctorCommand struct {
	Data     string `help:"The data folder." default:"slipway-data" env:"SLIPWAY_DATA" type:"existingdir"`
	Database string `help:"postgres://… instead of a file in the data folder." env:"SLIPWAY_DATABASE"`
	Adopt    bool   `help:"Bind the data folder to this database, though it belonged to another."`
}

func (*doctorCommand) Help() string {
	return "Checks the data folder, the database, every repository and object, git and the sandbox, and says how to " +
		"mend what is wrong.\n" +
		"It changes nothing, and may run beside the server. The exit code is 1 if something is wrong.\n\n" +
		"  slipway doctor --data /srv/slipway"
}

func (c *doctorCommand) Run(ctx context.Context) error {
	data, err := app.Existing(c.Data)
	if err != nil {
		return err
	}
	at, err := data.Place("", "")
	if err != nil {
		return err
	}
	d := &app.Doctor{Data: data, Place: at, Database: c.Database, Options: store.Options{Log: logger()}}
	if c.Adopt {
		if err := d.Adopt(ctx); err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%s belongs to this database now.\n", data)
		return nil
	}
	sick := 0
	for _, f := range d.Look(ctx) {
		if f.Problem == "" {
			fmt.Fprintf(os.Stdout, "✓ %s: %s\n", f.Check, f.Note)
			continue
		}
		sick++
		fmt.Fprintf(os.Stdout, "✗ %s: %s\n  %s\n", f.Check, f.Problem, f.Cure)
	}
	if sick > 0 {
		return exit(exitFailed, fmt.Errorf("checks that failed: %d", sick))
	}
	return nil
}
