package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lines prints a million lines of 100 bytes, in sh alone.
const lines = `i=0; l=$(printf '%099d' 0); while [ $i -lt 1000000 ]; do echo "$l"; i=$((i+1)); done`

// limits are what the machine itself takes; the others are compared with them.
func limits(_ context.Context, b *bench) (string, error) {
	fork, err := times(200, func() error { return exec.Command("/bin/true").Run() })
	if err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(b.dir, "fsync"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	block := make([]byte, 4096)
	sync, err := times(200, func() error {
		if _, err := f.Write(block); err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		return "", err
	}
	b.fork, b.fsync = median(fork), median(sync)
	return fmt.Sprintf("fork+exec %s; write and fsync of 4 KiB %s", spread(fork), spread(sync)), nil
}

// shToFile is the time that sh takes to write the lines into a file.
func (b *bench) shToFile() (time.Duration, error) {
	began := time.Now()
	c := exec.Command("sh", "-c", lines+" > '"+quoted(filepath.Join(b.dir, "lines"))+"'")
	err := c.Run()
	return time.Since(began), err
}

// start takes a fresh folder to the first answer, each time anew.
func start(ctx context.Context, b *bench) (string, error) {
	all, err := times(5, func() error {
		s, err := b.up(ctx)
		if err != nil {
			return err
		}
		go s.close()
		return nil
	})
	return spread(all), err
}

// idle adds up the proportional memory of all processes of `slipway up`.
func idle(ctx context.Context, b *bench) (string, error) {
	select {
	case <-time.After(2 * time.Second): // what it does at the start is over
	case <-ctx.Done():
		return "", ctx.Err()
	}
	pids, err := group(b.main.process.Process.Pid)
	if err != nil {
		return "", err
	}
	total := 0
	var parts []string
	for _, pid := range pids {
		kb, err := pss(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it ended meanwhile
		}
		if err != nil {
			return "", err
		}
		total += kb
		parts = append(parts, fmt.Sprintf("%d MB", kb/1024))
	}
	return fmt.Sprintf("%.1f MB (%s)", float64(total)/1024, strings.Join(parts, " + ")), nil
}

// group is a process and all below it.
func group(pid int) ([]int, error) {
	all := []int{pid}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, child := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(child)
			if err != nil {
				return nil, err
			}
			below, err := group(n)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		}
	}
	return all, nil
}

func pss(pid int) (kb int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, fmt.Errorf("process %d has no Pss", pid)
}

// local is `slipway run` of one command.
func local(_ context.Context, b *bench) (string, error) {
	dir := filepath.Join(b.dir, "local")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "buildspec.yml"), []byte(echo), 0o644); err != nil {
		return "", err
	}
	all, err := times(50, func() error {
		c := exec.Command(b.program, "run")
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %.1f × fork+exec", spread(all), float64(median(all))/float64(b.fork)), nil
}

const echo = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo hi\n"

var sigterm = syscall.SIGTERM
