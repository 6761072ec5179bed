// Command demo takes changes of a small web service from a push to its users: it starts Slipway, creates a repository,
// two build projects, four hosts behind a load balancer, a blue/green deployment group and a pipeline, pushes and
// approves. While users ask, a good change is released in steps, 10 %, 50 %, 100 %, and a bad one is rolled back by
// itself.
//
//	make demo                stays up afterwards, with the address of the page
//	DEMO_ONCE=1 make demo    checks all of it, stops everything and exits 0
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// patience is how long the demo waits for any one thing: the first build of Go's library takes a while.
const patience = 10 * time.Minute

func run(ctx context.Context) (err error) {
	dir, err := filepath.Abs(".demo")
	if err != nil {
		return err
	}
	once := os.Getenv("DEMO_ONCE") != ""
	d, err := start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		if serr := d.stop(); err == nil {
			err = serr
		}
	}()
	if err := d.story(ctx); err != nil {
		return err
	}
	if once {
		say("Everything that was promised was seen. Stopping.")
		return nil
	}
	d.hint()
	<-ctx.Done()
	say("Stopping.")
	return nil
}

// say tells one step.
func say(format string, args ...any) {
	fmt.Printf("\n== "+format+"\n", args...)
}

// detail tells more of the step.
func detail(format string, args ...any) {
	fmt.Printf("   "+format+"\n", args...)
}
