package actions

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/internal/actions/expression"
)

// Options are those of docker create that a container may have besides its health check and its variables.
type Options struct {
	User, Dir, Hostname string
	Entrypoint          []string
	Volumes, Tmpfs      []string
	SharedMemory        int64 // in bytes
	Memory              int64 // in bytes
	CPUs                int
	ReadOnly            bool
}

// service reads what a workflow says of a container: an image, or a mapping.
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
		if err := s.member(key, v); err != nil {
			return s, err
		}
	}
	s.Image = strings.TrimPrefix(s.Image, "docker://")
	return s, nil
}

func (s *Service) member(key string, v expression.Value) (err error) {
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
		s.Ports, err = texts(key, v)
	case "volumes":
		s.Options.Volumes, err = texts(key, v)
	case "credentials":
		c, _ := v.(*expression.Object)
		user, _ := c.Get("username")
		password, _ := c.Get("password")
		s.User, s.Password = expression.Text(user), expression.Text(password)
	case "options":
		return s.options(expression.Text(v))
	default:
		return fmt.Errorf("%s is not supported", key)
	}
	return err
}

// texts are the items of a list.
func texts(key string, v expression.Value) (all []string, err error) {
	list, _ := v.(*expression.Array)
	if list == nil {
		return nil, fmt.Errorf("%s must be a list", key)
	}
	for _, item := range list.Items {
		all = append(all, expression.Text(item))
	}
	return all, nil
}

func keysOf(o *expression.Object) []string {
	if o == nil {
		return nil
	}
	return o.Keys()
}

// options reads the options of docker create that containers of workflows usually have.
func (s *Service) options(line string) error {
	all, err := words(strings.ReplaceAll(line, "\n", " "))
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	for i := 0; i < len(all); i++ {
		name, value, given := strings.Cut(all[i], "=")
		if !given && name != "--read-only" && i+1 < len(all) {
			i++
			value = all[i]
		}
		known, err := s.health(name, value)
		if !known {
			known, err = s.Options.set(name, value)
		}
		switch {
		case name == "-e" || name == "--env":
			key, v, _ := strings.Cut(value, "=")
			s.Env[key] = v
		case !known:
			return fmt.Errorf("the option %s: it is not supported; those are: %s", name, strings.Join(supported, ", "))
		case err != nil:
			return fmt.Errorf("the option %s: %w", name, err)
		}
	}
	return nil
}

// supported are the options that a container may have.
var supported = []string{"--health-cmd", "--health-interval", "--health-timeout", "--health-start-period",
	"--health-retries", "--env", "--user", "--workdir", "--hostname", "--entrypoint", "--volume", "--tmpfs",
	"--shm-size", "--memory", "--cpus", "--read-only"}

func (s *Service) health(name, value string) (known bool, err error) {
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
	default:
		return false, nil
	}
	return true, err
}

func (o *Options) set(name, value string) (known bool, err error) {
	switch name {
	case "--user", "-u":
		o.User = value
	case "--workdir", "-w":
		o.Dir = value
	case "--hostname", "-h":
		o.Hostname = value
	case "--entrypoint":
		o.Entrypoint = []string{value}
	case "--volume", "-v":
		o.Volumes = append(o.Volumes, value)
	case "--tmpfs":
		o.Tmpfs = append(o.Tmpfs, value)
	case "--shm-size":
		o.SharedMemory, err = byteSize(value)
	case "--memory", "-m":
		o.Memory, err = byteSize(value)
	case "--cpus":
		o.CPUs, err = processors(value)
	case "--read-only":
		o.ReadOnly = value == "" || value == "true"
	default:
		return false, nil
	}
	return true, err
}

// processors reads a number of processors, of which a part counts as a whole.
func processors(text string) (int, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err == nil && !(n > 0 && n < 1<<20) {
		err = errors.New("it must be a number above 0")
	}
	if err != nil {
		return 0, err
	}
	return int(math.Ceil(n)), nil
}

// byteSize reads a size as docker has it: a number with b, k, m or g after it.
func byteSize(text string) (int64, error) {
	lower := strings.TrimSuffix(strings.ToLower(text), "b")
	units := []string{"k", "m", "g"}
	factor := int64(1)
	if n := len(lower); n > 0 && slices.Contains(units, lower[n-1:]) {
		factor = 1 << (10 * (1 + slices.Index(units, lower[n-1:])))
		lower = lower[:n-1]
	}
	n, err := strconv.ParseInt(lower, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is no size: write a number with k, m or g after it", text)
	}
	return n * factor, nil
}
