package main

import (
	"os"

	"github.com/alecthomas/kong"
)

// forgetEmpty removes variables that are set to nothing from the environment, of those that a flag is read from: they
// count as not set, as AWS's tools have it. Without this an empty name of a file would be the folder that the command
// runs in.
func forgetEmpty(parser *kong.Kong) error {
	return kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, is := node.(*kong.Flag); is {
			for _, name := range flag.Envs {
				if value, set := os.LookupEnv(name); set && value == "" {
					if err := os.Unsetenv(name); err != nil {
						return err
					}
				}
			}
		}
		return next(nil)
	})
}
