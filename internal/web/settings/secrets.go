package settings

import (
	"net/http"
	"net/url"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// secretsPage lists parameters and secrets. No page shows a value.
func (s *pages) secretsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	q := r.URL.Query()
	var parameters, secrets *string
	if q.Has("parameters") {
		parameters, secrets = new(q.Get("parameters")), new(q.Get("secrets"))
	}
	page, err := view.ReadSecrets(r.Context(), s.Parameters, s.Secrets, parameters, secrets)
	if err != nil {
		return err
	}
	more := ""
	if page.NextParameters != nil || page.NextSecrets != nil {
		more = "/settings/secrets?" + url.Values{"parameters": {kit.Text(page.NextParameters)},
			"secrets": {kit.Text(page.NextSecrets)}}.Encode()
	}
	s.Render(w, r, http.StatusOK, Secrets(s.Shell(r, v, "Secrets"), page.Secrets, more, s.Now()))
	return nil
}

// imagesPage lists what stands for CodeBuild's own images.
func (s *pages) imagesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	out, err := s.Slipway.ListImages(r.Context(), &slipway.ListImagesInput{})
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Images(s.Shell(r, v, "Images"), out.Images, s.Now()))
	return nil
}

// changeImage lets an image stand for a name, or takes it back.
func (s *pages) changeImage(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name, image := r.PostFormValue("name"), r.PostFormValue("image")
	var err error
	if r.PostFormValue("do") == "delete" {
		_, err = s.Slipway.DeleteImage(r.Context(), &slipway.DeleteImageInput{Name: &name})
	} else {
		_, err = s.Slipway.PutImage(r.Context(), &slipway.PutImageInput{Name: &name, Image: &image})
	}
	return kit.Next(w, r, "/settings/images", err)
}
