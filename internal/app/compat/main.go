// Command compat writes docs/compatibility.md.
package main

import (
	"fmt"
	"os"

	"slipway/internal/app"
)

func main() {
	if err := os.WriteFile(os.Args[1], []byte(app.Compatibility()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}
