package build

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// imageNotice says to the other servers that the images were changed.
const imageNotice = "build.images"

// maxImages bounds how many images are named.
const maxImages = 1000

// namedImages returns what stands for the names of images.
func (s *Service) namedImages(ctx context.Context) (map[string]string, error) {
	return s.images.Get(func() (map[string]string, error) {
		all, err := s.allImages(ctx, s.db)
		byName := map[string]string{}
		for _, i := range all {
			byName[*i.Name] = *i.Image
		}
		return byName, err
	})
}

func (s *Service) allImages(ctx context.Context, q store.Queryer) ([]slipway.NamedImage, error) {
	return store.All(ctx, q, func(r *sql.Rows) (slipway.NamedImage, error) {
		x := slipway.NamedImage{Name: new(""), Image: new("")}
		var changed int64
		err := r.Scan(x.Name, x.Image, &changed)
		x.ChangeTime = awsproto.At(moment(changed))
		return x, err
	}, `SELECT name, image, changed FROM images ORDER BY name LIMIT $1`, maxImages)
}

// reference is how an image is named: registry, path, tag, digest.
var reference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?$`)
})

// PutImage implements slipway:PutImage: an image stands for a name, or for all names that begin as a pattern that ends
// in * does. Builds that start later run in it.
func (s *Service) PutImage(ctx context.Context, in *slipway.PutImageInput) (*slipway.PutImageOutput, error) {
	refuse := func(format string, args ...any) (*slipway.PutImageOutput, error) {
		return nil, &slipway.InvalidImageException{Message: fmt.Sprintf(format, args...)}
	}
	name := strings.TrimSuffix(*in.Name, "*")
	switch {
	case !strings.HasPrefix(name, curated) || !reference().MatchString(strings.TrimSuffix(name, ":")):
		return refuse("An image can stand for one of CodeBuild's own (%sNAME:TAG, or the start of such names with * "+
			"behind it), not for %q.", curated, *in.Name)
	case !reference().MatchString(*in.Image):
		return refuse("%q is not the name of an image (REGISTRY/PATH:TAG or PATH@sha256:DIGEST).", *in.Image)
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		all, err := s.allImages(ctx, tx)
		if err != nil {
			return err
		}
		known := slices.ContainsFunc(all, func(i slipway.NamedImage) bool { return *i.Name == *in.Name })
		if !known && len(all) >= maxImages {
			return &slipway.InvalidImageException{
				Message: fmt.Sprintf("There are %d images already; delete one first.", maxImages)}
		}
		_, err = tx.Exec(ctx, `INSERT INTO images (name, image, changed) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET image = excluded.image, changed = excluded.changed`,
			*in.Name, *in.Image, s.Now().UnixMilli())
		s.imagesChanged(tx)
		return err
	})
}

// DeleteImage implements slipway:DeleteImage.
func (s *Service) DeleteImage(ctx context.Context, in *slipway.DeleteImageInput) (*slipway.DeleteImageOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		var name string
		found, err := store.Find(ctx, tx, []any{&name}, `DELETE FROM images WHERE name = $1 RETURNING name`, *in.Name)
		if err == nil && !found {
			err = &slipway.ImageNotFoundException{Message: "No image stands for " + *in.Name + "."}
		}
		s.imagesChanged(tx)
		return err
	})
}

// ListImages implements slipway:ListImages.
func (s *Service) ListImages(ctx context.Context, _ *slipway.ListImagesInput) (*slipway.ListImagesOutput, error) {
	all, err := s.allImages(ctx, s.db)
	return &slipway.ListImagesOutput{Images: append([]slipway.NamedImage{}, all...)}, err
}

func (s *Service) imagesChanged(tx store.Tx) {
	tx.Notify(imageNotice, "")
	tx.AfterCommit(s.images.Forget)
}
