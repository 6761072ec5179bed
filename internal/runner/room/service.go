package room

import (
	"context"
	"fmt"
	"time"
)

// Service is a container that runs beside a build, such as a database that its tests talk to.
type Service struct {
	Name  string
	Image string
	Env   map[string]string
	// Ports are those that the build reaches at this machine's loopback address: PORT, or MACHINE:PORT, each with /tcp
	// or /udp after it.
	Ports    []string
	Health   Health
	Registry *Registry // opens the image's registry; nil for what everybody may pull
	Options  Options
	Work     *Work // nil for a service
}

// Health is a command that says whether a service is ready. The zero value is what the image has.
type Health struct {
	Command                        string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
}

// Serving is a service that runs and is ready.
type Serving struct {
	ID    string
	Ports map[string]string // of this machine, by those of the service
	// Address is the container's own, which this machine reaches; "" if it has the machine's network.
	Address string
	Program Program // of its image
}

// ServiceEnd says how the program of a service ended by itself.
type ServiceEnd struct {
	Status      int
	OutOfMemory bool // the kernel killed it at the service's limit
}

func (e ServiceEnd) String() string {
	if e.OutOfMemory {
		return fmt.Sprintf("ended with status %d: it used more memory than a service may", e.Status)
	}
	return fmt.Sprintf("ended with status %d", e.Status)
}

// Services starts containers beside builds.
type Services interface {
	// Serve starts a service for the room with the folder dir, and waits until it is ready. Recover removes what is
	// left.
	Serve(ctx context.Context, dir string, s Service, say func(line string)) (Serving, error)
	// Dismiss removes a service. It returns how the service had ended before, or nil if it ran until now.
	Dismiss(id string) (*ServiceEnd, error)
	// Ended waits until the program of a service has ended.
	Ended(ctx context.Context, id string) (ServiceEnd, error)
	// BuildImage builds an image, unless the engine has one of that recipe, and returns its name.
	BuildImage(ctx context.Context, r Recipe, say func(line string)) (image string, err error)
}
