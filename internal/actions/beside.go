package actions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"slipway/internal/actions/expression"
)

// The runner's answers about containers. It starts a Service (POST of ServicesPath, answered by Serving), waits for its
// end (GET, with its ID after a slash) and removes it (DELETE, so too; both answered by Dismissed). It gives the files
// that containers have made to the build's user (POST of OwnPath). It builds an image (POST of ImagesPath with a
// Recipe, answered by its name).
const (
	ServicesPath = "/services"
	OwnPath      = "/own"
	ImagesPath   = "/images"
)

// Recipe says of what an image is built.
type Recipe struct {
	Dir        string // of the build
	Dockerfile string // a path in it
}

// Work makes a service a container in which steps run. It has the build's folders.
type Work struct {
	Socket string            // at which its agent calls the driver
	Links  map[string]string // symbolic links by their paths
	Hosts  map[string]string // addresses by names
}

// Service is a container that a job wants beside it.
type Service struct {
	Name, Image                    string
	Env                            map[string]string
	Ports                          []string
	User, Password                 string // of the image's registry
	HealthCommand                  string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
	Options                        Options
	Work                           *Work // nil for a service
}

// Serving is a service that is ready.
type Serving struct {
	ID    string
	Ports map[string]string // of this machine, by those of the service
	// Address is the service's own.
	Address string
	// Entrypoint, Command and Dir are what the image says.
	Entrypoint, Command []string
	Dir                 string
}

// Dismissed is the answer to the removal of a service.
type Dismissed struct {
	Ended string // how the service had ended before, "" if it ran until now
}

// besideJob is a service that the job has started.
type besideJob struct{ name, id string }

// beside starts what runs beside the steps: the containers of services, and the job's own.
func (j *job) beside(ctx context.Context, c contexts) error {
	j.services, j.hosts = expression.NewObject(), map[string]string{}
	c["job"], c["runner"] = expression.NewObject(), j.runnerContext()
	wanted, err := j.wanted(c)
	if err == nil {
		err = j.serveAll(ctx, wanted)
	}
	if err != nil {
		return err
	}
	if err := j.contained(ctx, c); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	return nil
}

// wanted evaluates the services of the job. Those without an image are left out, as GitHub does.
func (j *job) wanted(c contexts) (all []Service, err error) {
	for _, m := range j.def.Services.Members {
		v, err := evaluate(m.Value, c.only(inContainer...))
		if err != nil {
			return nil, fmt.Errorf("the service %s: %w", m.Key, err)
		}
		s, err := service(m.Key, v)
		if err == nil && s.Image != "" && j.d.plan.Services == "" {
			err = errors.New("this build has no container engine, which services need")
		}
		if err != nil {
			return nil, fmt.Errorf("the service %s: %w", m.Key, err)
		}
		if s.Image == "" {
			continue
		}
		if s.Password != "" {
			j.d.console.hide(s.Password)
		}
		all = append(all, s)
	}
	return all, nil
}

// serveAll starts services side by side, and returns when all are ready or one has failed to start.
func (j *job) serveAll(ctx context.Context, wanted []Service) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	serving := make([]Serving, len(wanted))
	errs := make([]error, len(wanted))
	var all sync.WaitGroup
	for i, s := range wanted {
		j.d.console.printf("Starting the service %s (%s)", s.Name, s.Image)
		all.Go(func() {
			if serving[i], errs[i] = j.d.serve(ctx, s); errs[i] != nil {
				errs[i] = fmt.Errorf("the service %s: %w", s.Name, errs[i])
				cancel()
			}
		})
	}
	all.Wait()
	for i, s := range wanted {
		if errs[i] != nil {
			continue
		}
		j.serving = append(j.serving, besideJob{s.Name, serving[i].ID})
		if serving[i].Address != "" {
			j.hosts[s.Name] = serving[i].Address
		}
		ports := textObject(serving[i].Ports)
		j.services.Set(s.Name,
			expression.NewObject().Set("id", serving[i].ID).Set("network", "bridge").Set("ports", ports))
		for _, p := range ports.Keys() {
			j.d.console.printf("  port %s of %s is localhost:%s", p, s.Name, serving[i].Ports[p])
		}
	}
	return first(errs)
}

// first is the first error that does not follow from another: the others were cancelled by it.
func first(errs []error) error {
	var cancelled error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		cancelled = errors.Join(cancelled, err)
	}
	return cancelled
}

// serve starts one service and returns when it is ready.
func (d *driver) serve(ctx context.Context, s Service) (serving Serving, err error) {
	body, err := json.Marshal(s) //nolint:gosec // the password is for the runner, which pulls the image with it
	if err != nil {
		return serving, err
	}
	answer, err := d.ask(ctx, http.MethodPost, ServicesPath, bytes.NewReader(body))
	if err != nil {
		return serving, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return serving, err
	}
	if answer.StatusCode != http.StatusCreated {
		return serving, errors.New(strings.TrimSpace(string(text)))
	}
	return serving, json.Unmarshal(text, &serving)
}

// dismiss removes the job's services, and says which of them had ended before.
func (j *job) dismiss() (ended []string) {
	for _, s := range j.serving {
		how, err := j.d.dismiss(s.id)
		if err == nil && how != "" {
			ended = append(ended, fmt.Sprintf("the service %s: the service %s %s", s.name, s.name, how))
			j.d.console.printf("The service %s %s before the job did", s.name, how)
		}
	}
	j.serving = nil
	return ended
}

// dismiss removes a service. It returns how the service had ended before, "" if it ran until now. The runner itself
// removes what cannot be removed here.
func (d *driver) dismiss(id string) (ended string, err error) {
	answer, err := d.ask(context.Background(), http.MethodDelete, ServicesPath+"/"+id, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var was Dismissed
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&was)
	return was.Ended, err
}

// ask calls the runner.
func (d *driver) ask(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	if d.plan.Services == "" {
		return nil, errors.New("the runner answers no steps")
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.plan.Services)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, method, "http://runner"+path, body)
	if err != nil {
		return nil, err
	}
	return client.Do(r)
}
