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
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/internal/actions/expression"
)

// ServicesPath is where the runner starts a Service (POST, answered by Serving) and removes it (DELETE, with its ID
// after a slash).
const ServicesPath = "/services"

// Service is a container that a job wants beside it.
type Service struct {
	Name, Image                    string
	Env                            map[string]string
	Ports                          []string
	User, Password                 string // of the image's registry
	HealthCommand                  string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
}

// Serving is a service that is ready.
type Serving struct {
	ID    string
	Ports map[string]string // of this machine, by those of the service
}

// Dismissed is the answer to the removal of a service.
type Dismissed struct {
	Ended string // how the service had ended before, "" if it ran until now
}

// besideJob is a service that the job has started.
type besideJob struct{ name, id string }

// beside starts what runs beside the steps: the containers of services.
func (j *job) beside(ctx context.Context, c contexts) error {
	j.services = expression.NewObject()
	c["job"], c["runner"] = expression.NewObject(), j.runnerContext()
	if err := j.contained(c); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	wanted, err := j.wanted(c)
	if err != nil {
		return err
	}
	return j.serveAll(ctx, wanted)
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

// contained checks that a job that wants a container is in one of that image: the build's. Its variables are the job's.
func (j *job) contained(c contexts) error {
	v, err := evaluate(j.def.Container, c.only(inContainer...))
	if err != nil {
		return err
	}
	o, _ := v.(*expression.Object)
	image := expression.Text(v)
	if o != nil {
		of, _ := o.Get("image")
		image = expression.Text(of)
	}
	switch {
	case image == "":
		return nil
	case image != j.d.plan.Image:
		in := "on the runner's machine"
		if j.d.plan.Image != "" {
			in = "in " + j.d.plan.Image
		}
		return fmt.Errorf("the job wants the image %s, and the build runs %s: give the project that image, or "+
			"slipway run --image", image, in)
	}
	for _, key := range keysOf(o) {
		switch v, _ := o.Get(key); key {
		case "image", "credentials":
		case "env":
			env, _ := v.(*expression.Object)
			for _, name := range keysOf(env) {
				value, _ := env.Get(name)
				j.env.set(name, expression.Text(value))
			}
		default:
			return fmt.Errorf("%s is not supported: the project says how its container is made", key)
		}
	}
	j.container = expression.NewObject().Set("id", "").Set("network", "host")
	return nil
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
		answer, err := j.d.ask(context.Background(), http.MethodDelete, ServicesPath+"/"+s.id, nil)
		if err != nil {
			continue // the runner removes what is left
		}
		var was Dismissed
		err = json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&was)
		_ = answer.Body.Close()
		if err == nil && was.Ended != "" {
			ended = append(ended, fmt.Sprintf("the service %s: the service %s %s", s.name, s.name, was.Ended))
			j.d.console.printf("The service %s %s before the job did", s.name, was.Ended)
		}
	}
	j.serving = nil
	return ended
}

// service reads what a workflow says of a service: an image, or a mapping.
func service(name string, of expression.Value) (s Service, err error) {
	s = Service{Name: name, Env: map[string]string{}}
	if image, ok := of.(string); ok {
		s.Image = image
		return s, nil
	}
	o, ok := of.(*expression.Object)
	if !ok {
		return s, errors.New("it must be an image, or a mapping with image")
	}
	for _, key := range o.Keys() {
		v, _ := o.Get(key)
		switch key {
		case "image":
			s.Image = expression.Text(v)
		case "env":
			env, _ := v.(*expression.Object)
			for _, k := range keysOf(env) {
				value, _ := env.Get(k)
				s.Env[k] = expression.Text(value)
			}
		case "ports":
			list, _ := v.(*expression.Array)
			if list == nil {
				return s, errors.New("ports must be a list")
			}
			for _, p := range list.Items {
				s.Ports = append(s.Ports, expression.Text(p))
			}
		case "credentials":
			c, _ := v.(*expression.Object)
			user, _ := c.Get("username")
			password, _ := c.Get("password")
			s.User, s.Password = expression.Text(user), expression.Text(password)
		case "options":
			if err := s.options(expression.Text(v)); err != nil {
				return s, err
			}
		default:
			return s, fmt.Errorf("%s is not supported", key)
		}
	}
	return s, nil
}

func keysOf(o *expression.Object) []string {
	if o == nil {
		return nil
	}
	return o.Keys()
}

// options reads the options of docker create that services usually have.
func (s *Service) options(line string) error {
	all, err := words(strings.ReplaceAll(line, "\n", " "))
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	for i := 0; i < len(all); i++ {
		name, value, given := strings.Cut(all[i], "=")
		if !given && i+1 < len(all) {
			i++
			value = all[i]
		}
		var err error
		switch name {
		case "--health-cmd":
			s.HealthCommand = value
		case "--health-interval":
			s.Interval, err = time.ParseDuration(value)
		case "--health-timeout":
			s.Timeout, err = time.ParseDuration(value)
		case "--health-start-period":
			s.StartPeriod, err = time.ParseDuration(value)
		case "--health-retries":
			s.Retries, err = strconv.Atoi(value)
		case "-e", "--env":
			key, v, _ := strings.Cut(value, "=")
			s.Env[key] = v
		default:
			err = errors.New("it is not supported; those of --health and --env are")
		}
		if err != nil {
			return fmt.Errorf("the option %s: %w", name, err)
		}
	}
	return nil
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
