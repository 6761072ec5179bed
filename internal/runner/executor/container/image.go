package container

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
)

// gone tells that what was asked for does not exist.
func gone(err error) bool { return cerrdefs.IsNotFound(err) }

// image is an image that the engine has.
type image struct {
	id     string // of its configuration
	digest string // by which a registry knows it; its ID if none does
	path   string // PATH of its programs
}

// image finds the room's image, and pulls it if the engine does not have it.
func (r *containerRoom) image(ctx context.Context) (image, error) {
	i, err := r.inspectImage(ctx)
	if !gone(err) {
		return i, err
	}
	if err := r.pull(ctx); err != nil {
		return image{}, fmt.Errorf("the image %s cannot be pulled: %w", r.spec.Image, err)
	}
	return r.inspectImage(ctx)
}

func (r *containerRoom) inspectImage(ctx context.Context) (image, error) {
	ctx, cancel := context.WithTimeout(ctx, engineLimit)
	defer cancel()
	found, err := r.engine.api.ImageInspect(ctx, r.spec.Image)
	if err != nil {
		return image{}, err
	}
	i := image{id: found.ID, digest: found.ID, path: standardPath}
	for _, d := range found.RepoDigests {
		_, i.digest, _ = strings.Cut(d, "@")
	}
	if found.Config != nil {
		for _, v := range found.Config.Env {
			if path, ok := strings.CutPrefix(v, "PATH="); ok {
				i.path = path
			}
		}
	}
	return i, nil
}

// sayEvery is how often a pull says how far it is.
const sayEvery = 5 * time.Second

// pull fetches the room's image, and says how far it is.
func (r *containerRoom) pull(ctx context.Context) error {
	var options client.ImagePullOptions
	if a := r.spec.Registry; a != nil {
		text, err := authconfig.Encode(registry.AuthConfig{Username: a.User, Password: a.Password})
		if err != nil {
			return err
		}
		options.RegistryAuth = text
	}
	r.say("Pulling the image %s", r.spec.Image)
	began := time.Now()
	answer, err := r.engine.api.ImagePull(ctx, r.spec.Image, options)
	if err != nil {
		return err
	}
	defer answer.Close()
	said, layers := began, map[string][2]int64{}
	for m, err := range answer.JSONMessages(ctx) {
		switch {
		case err != nil:
			return err
		case m.Error != nil:
			return m.Error
		case m.Progress != nil && m.Progress.Total > 0 && m.Status == "Downloading":
			layers[m.ID] = [2]int64{m.Progress.Current, m.Progress.Total}
		}
		if time.Since(said) >= sayEvery {
			said = time.Now()
			r.say("Pulling the image %s: %s", r.spec.Image, progress(layers))
		}
	}
	r.say("Pulled the image %s in %s", r.spec.Image, time.Since(began).Round(time.Second/10))
	return nil
}

// progress is how much of an image's layers has come.
func progress(layers map[string][2]int64) string {
	var have, all int64
	for _, l := range layers {
		have, all = have+l[0], all+l[1]
	}
	const mega = 1 << 20
	return fmt.Sprintf("%d of %d MB", have/mega, cmp.Or(all, have)/mega)
}

func (r *containerRoom) say(format string, args ...any) {
	if r.spec.Say != nil {
		r.spec.Say(fmt.Sprintf(format, args...))
	}
}
