package build

import (
	"context"
	"slices"
	"strings"

	cb "slipway/api/codebuild"
)

// ListCuratedEnvironmentImages implements codebuild:ListCuratedEnvironmentImages: the names of CodeBuild's own images
// for which something stands here. A pattern of names is no image, and is left out. The versions of an image are those
// of the names that are known; languages are not told apart, as what stands for an image may hold any.
func (s *Service) ListCuratedEnvironmentImages(ctx context.Context,
	_ *cb.ListCuratedEnvironmentImagesInput) (*cb.ListCuratedEnvironmentImagesOutput, error) {
	named, err := s.namedImages(ctx)
	if err != nil {
		return nil, err
	}
	byPlatform := map[cb.PlatformType][]cb.EnvironmentImage{}
	for name, image := range named {
		if strings.HasSuffix(name, "*") {
			continue
		}
		of := platformOf(name)
		byPlatform[of] = append(byPlatform[of], cb.EnvironmentImage{
			Name: new(name), Description: new("Builds run in " + image), Versions: []string{name},
		})
	}
	out := &cb.ListCuratedEnvironmentImagesOutput{Platforms: []cb.EnvironmentPlatform{}}
	for _, p := range []cb.PlatformType{cb.PlatformTypeAmazonLinux, cb.PlatformTypeUbuntu} {
		images := byPlatform[p]
		if len(images) == 0 {
			continue
		}
		slices.SortFunc(images, func(a, b cb.EnvironmentImage) int { return strings.Compare(*a.Name, *b.Name) })
		out.Platforms = append(out.Platforms, cb.EnvironmentPlatform{
			Platform: p, Languages: []cb.EnvironmentLanguage{{Language: cb.LanguageTypeBase, Images: images}},
		})
	}
	return out, nil
}

// platformOf is the platform of an image of CodeBuild's own, by its name.
func platformOf(name string) cb.PlatformType {
	if strings.HasPrefix(name, curated+"amazonlinux") {
		return cb.PlatformTypeAmazonLinux
	}
	return cb.PlatformTypeUbuntu
}
