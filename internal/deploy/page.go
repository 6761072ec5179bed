package deploy

import (
	cd "slipway/api/codedeploy"
)

// pageSize is what lists return at once.
const pageSize = 100

// page reads one page of a list in the order of a key: fetch returns up to limit elements after a place, and place
// tells an element's.
func page[T any, P any](s *Service, op string, filter any, token *string, fetch func(after P, limit int) ([]T, error),
	place func(T) P) ([]T, *string, error) {
	var after P
	if !s.Pager.Place(op, filter, token, &after) {
		return nil, nil, &cd.InvalidNextTokenException{Message: "The next token was not made for this list: " + *token}
	}
	all, err := fetch(after, pageSize+1)
	if err != nil {
		return nil, nil, err
	}
	if len(all) <= pageSize {
		if all == nil {
			all = []T{}
		}
		return all, nil, nil
	}
	all = all[:pageSize]
	return all, s.Pager.Token(op, filter, place(all[pageSize-1])), nil
}

func itself(s string) string { return s }
