package identity

import (
	"net/http"

	"slipway/api/awsproto"
)

// untaken refuses the first member of a request that was given and cannot be acted on, by its name.
func untaken(operation string, given map[string]bool) error {
	for member, was := range given {
		if was {
			return &awsproto.Error{Code: "NotImplementedException", Status: http.StatusNotImplemented,
				Message: "Slipway does not implement " + member + " of " + operation + "."}
		}
	}
	return nil
}

// padded refuses session tokens of a least size.
func padded(operation string, size *int32) error {
	return untaken("sts:"+operation, map[string]bool{"MinimumSessionTokenSize": size != nil})
}
