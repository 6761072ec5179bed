// Command greeter is a small web service: the example that Slipway's demo builds, tests and deploys.
//
//	greeter -listen 127.0.0.1:9000       serves GET /, /healthz and /version
//	greeter -check http://127.0.0.1:9000 asks a running one for its version, and fails if it is not this binary's
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

var version = "dev" // set by the build

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "address to serve at")
	check := flag.String("check", "", "address of a running greeter to check, instead of serving")
	flag.Parse()
	if *check != "" {
		if err := running(*check); err != nil {
			log.Fatal(err)
		}
		fmt.Println("greeter", version, "answers at", *check)
		return
	}
	host, _ := os.Hostname()
	log.Printf("greeter %s listens on %s", version, *listen)
	server := &http.Server{Addr: *listen, Handler: handler(version, host), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// running waits until a greeter of this version answers, for ten seconds at most.
func running(url string) error {
	client := &http.Client{Timeout: time.Second}
	err := errors.New("it was not asked")
	for range 100 {
		var got string
		if got, err = ask(client, url+"/version"); err == nil && got == version {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it is version %s, not %s", got, version)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("no greeter of this version at %s: %w", url, err)
}

func ask(client *http.Client, url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return strings.TrimSpace(string(body)), err
}
