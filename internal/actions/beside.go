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

// beside starts what runs beside the steps: the containers of services.
func (j *job) beside(ctx context.Context, c contexts) error {
	j.services = expression.NewObject()
	c["job"], c["runner"] = expression.NewObject(), j.runnerContext()
	if err := j.contained(c); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	for _, m := range j.def.Services.Members {
		v, err := evaluate(m.Value, c.only(inContainer...))
		if err == nil {
			err = j.serve(ctx, m.Key, v)
		}
		if err != nil {
			return fmt.Errorf("the service %s: %w", m.Key, err)
		}
	}
	return nil
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

// serve starts one service. One without an image is left out, as GitHub does.
func (j *job) serve(ctx context.Context, name string, of expression.Value) error {
	s, err := service(name, of)
	if err != nil || s.Image == "" {
		return err
	}
	if j.d.plan.Services == "" {
		return errors.New("this build has no container engine, which services need")
	}
	if s.Password != "" {
		j.d.console.hide(s.Password)
	}
	j.d.console.printf("Starting the service %s (%s)", name, s.Image)
	body, err := json.Marshal(s) //nolint:gosec // the password is for the runner, which pulls the image with it
	if err != nil {
		return err
	}
	answer, err := j.d.ask(ctx, http.MethodPost, ServicesPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusCreated {
		return errors.New(strings.TrimSpace(string(text)))
	}
	var serving Serving
	if err := json.Unmarshal(text, &serving); err != nil {
		return err
	}
	j.serving = append(j.serving, serving.ID)
	ports := textObject(serving.Ports)
	j.services.Set(name, expression.NewObject().Set("id", serving.ID).Set("network", "bridge").Set("ports", ports))
	for _, p := range ports.Keys() {
		j.d.console.printf("  port %s is localhost:%s", p, serving.Ports[p])
	}
	return nil
}

// dismiss removes the job's services.
func (j *job) dismiss() {
	for _, id := range j.serving {
		if answer, err := j.d.ask(context.Background(), http.MethodDelete, ServicesPath+"/"+id, nil); err == nil {
			_ = answer.Body.Close()
		}
	}
	j.serving = nil
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
