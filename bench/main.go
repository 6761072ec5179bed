// Command bench measures what Slipway costs, beside the machine's own limits, measured in the same run: compare the
// figures of one run with each other, since machines differ and are noisy.
//
//	make bench                 everything
//	go run ./bench push logs   only what is named
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

// measure is one thing that is measured: it returns its figures as lines.
type measure struct {
	name string
	what string
	aim  string
	// peers says what is known of peers on such a machine.
	peers string
	run   func(ctx context.Context, b *bench) (string, error)
}

func measures() []measure {
	return []measure{
		{"limits", "the machine: fork+exec, fsync, 1,000,000 lines of 100 bytes by sh > file", "", "", limits},
		{"start", "empty folder → first answer", "500 ms → 300 ms", "Woodpecker 0.3–0.6 s, Gitea 4 s", start},
		{"idle", "sum of PSS of slipway up when idle", "80 MB", "Woodpecker 110 MB, Gitea 215 MB", idle},
		{"run", "slipway run of echo hi", "6 × fork+exec", "act 107–330 ms", local},
		{"push", "push end → success of a one-step pipeline", "12 × fork+exec", "Woodpecker 2.0 s, Gitea 3.8 s", push},
		{"chain", "time added per action in a chain of five", "8 × fork+exec", "Woodpecker 410 ms, Gitea 1.7 s", chain},
		{"builds", "100 one-step builds, four at a time", "0.4 × sh -c and one fsync each",
			"Woodpecker 10.6, Gitea 2.4 builds/s", builds},
		{"containers", "a container build's start and docker run of the same image, in turns",
			"1.1 × docker run, 0.3 × in a ready room", "docker run itself is the peer", containers},
		{"logs", "a log of 1,000,000 lines of 100 bytes", "2 × sh > file", "Woodpecker 267 ×, Gitea 113 ×", logs},
		{"masking", "builds of 1,000,000 lines as fast as can be, with twenty secrets and with none, in turns",
			"1.1 × without secrets", "", masking},
		{"read", "slipway logs of those lines", "2 × a file over HTTP", "Gitea 0.62 s", read},
		{"cache", "a cache of 256 MiB, restored, and tar with zstd, in turns", "0.7 × tar with zstd",
			"tar is the peer", keptCaches},
		{"router", "16 connections through the router, httputil.ReverseProxy and nginx, in turns",
			"0.8 × nginx, 1.3 × ReverseProxy",
			"nginx itself is the peer", throughput},
		{"judge", "verdicts on simulated releases of 10 % and 50 %, a minute each, 400 of each kind",
			"equal: rolled back < 1 %, asked < 5 %; 20 % slower found in 95 %", "", judges},
		{"signed", "a signed GetCallerIdentity, and a plain handler, in turns", "authorisation 3 % of the call", "",
			signed},
		{"events", "seven events on one host", "500 ms", "AWS's agent 6.2 s", events},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only []string) error {
	if len(only) == 3 && only[0] == reverseProxyArg {
		return serveReverseProxy(ctx, only[1], only[2])
	}
	b, err := open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	for _, m := range measures() {
		if len(only) > 0 && !slices.Contains(only, m.name) && m.name != "limits" {
			continue
		}
		got, err := m.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Printf("%-7s %s\n        %s\n", m.name, m.what, got)
		if m.aim != "" {
			fmt.Printf("        aim %s; known of peers: %s\n", m.aim, m.peers)
		}
	}
	return nil
}

// spread is the median of times, with the least and the most.
func spread(all []time.Duration) string {
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return fmt.Sprintf("median %s (%s to %s, %d runs)", round(median(all)), round(all[0]), round(all[len(all)-1]),
		len(all))
}

func median(all []time.Duration) time.Duration {
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all[len(all)/2]
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

func times(n int, f func() error) ([]time.Duration, error) {
	var all []time.Duration
	for range n {
		began := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		all = append(all, time.Since(began))
	}
	return all, nil
}

func quoted(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
