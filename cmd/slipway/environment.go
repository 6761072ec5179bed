package main

import (
	"os"

	"github.com/alecthomas/kong"
)

// forgetEmpty removes empty variables from the environment if a flag is read from them. They count as not set, as for
// AWS's tools. Otherwise an empty file name would mean the current folder.
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
