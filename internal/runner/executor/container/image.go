package container

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/runner/room"
)

// image is an image that the engine has.
type image struct {
	id      string // of its configuration
	digest  string // by which a registry knows it; its ID if none does
	path    string // PATH of its programs
	program room.Program
}

// reference is how an image may be named.
var reference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?$`)
})

// image finds the room's image, and pulls it if the engine does not have it.
func (r *containerRoom) image(ctx context.Context) (image, error) {
	if !reference().MatchString(r.spec.Image) || strings.Contains(r.spec.Image, "..") {
		return image{}, fmt.Errorf("%.200q is not the name of an image", r.spec.Image)
	}
	if r.spec.Registry != nil {
		return r.privateImage(ctx)
	}
	unlock, err := r.engine.pulls.lock(ctx, r.spec.Image)
	if err != nil {
		return image{}, err
	}
	defer unlock()
	i, err := r.inspectImage(ctx, r.spec.Image)
	if !gone(err) {
		return i, err
	}
	if err := r.pull(ctx); err != nil {
		return image{}, err
	}
	return r.inspectImage(ctx, r.spec.Image)
}

func (r *containerRoom) inspectImage(ctx context.Context, name string) (image, error) {
	ctx, cancel := context.WithTimeout(ctx, engineLimit)
	defer cancel()
	var found struct {
		ID                    string
		RepoTags, RepoDigests []string
		Config                struct {
			Env, Entrypoint, Cmd []string
			WorkingDir           string
		}
	}
	if err := r.engine.api.call(ctx, http.MethodGet, "/images/"+name+"/json", nil, &found); err != nil {
		return image{}, err
	}
	names := slices.Concat(found.RepoTags, found.RepoDigests)
	if !isPrivate(name) && len(names) > 0 && !slices.ContainsFunc(names, isPublic) { // it was named by its ID
		return image{}, &refusal{http.StatusNotFound, "it belongs to builds that have an account for it"}
	}
	c := found.Config
	i := image{id: found.ID, digest: found.ID, path: standardPath,
		program: room.Program{Entrypoint: c.Entrypoint, Command: c.Cmd, Dir: c.WorkingDir}}
	for _, n := range names {
		if d := digestOf(n); d != "" {
			i.digest = d
		}
	}
	for _, v := range found.Config.Env {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			i.path = path
		}
	}
	return i, nil
}

// parts are an image's name without its tag or digest, and that one; without either it is the tag latest.
func parts(reference string) (name, tag string) {
	if name, digest, ok := strings.Cut(reference, "@"); ok {
		return name, digest
	}
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		return reference[:i], reference[i+1:]
	}
	return reference, "latest"
}

// sayEvery is how often a pull says how far it is.
const sayEvery = 5 * time.Second

// news is what the engine says while it pulls.
type news struct {
	ID, Status     string
	ProgressDetail struct{ Current, Total int64 }
	Error          string
}

// pull fetches the room's image, and says how far it is.
func (r *containerRoom) pull(ctx context.Context) error {
	if err := r.fetch(ctx); err != nil {
		return fmt.Errorf("the image %s cannot be pulled: %w", r.spec.Image, err)
	}
	return nil
}

func (r *containerRoom) fetch(ctx context.Context) error {
	name, tag := parts(r.spec.Image)
	if strings.HasPrefix(tag, "sha256:") {
		if err := r.asks(ctx, tag); err != nil {
			return err
		}
	}
	header, err := authorization(r.spec.Image, r.spec.Registry)
	if err != nil {
		return err
	}
	r.say("Pulling the image %s", r.spec.Image)
	began := time.Now()
	query := url.Values{"fromImage": {name}, "tag": {tag}}
	answer, err := r.engine.api.open(ctx, http.MethodPost, "/images/create?"+query.Encode(), header, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, layers := began, map[string][2]int64{}
	for in := json.NewDecoder(answer.Body); ; {
		var n news
		if err := in.Decode(&n); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if n.Error != "" {
			return errors.New(n.Error)
		}
		if n.Status == "Downloading" {
			layers[n.ID] = [2]int64{n.ProgressDetail.Current, n.ProgressDetail.Total}
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
