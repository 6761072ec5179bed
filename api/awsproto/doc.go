// Package awsproto is the wire that the packages under api/ share: AWS JSON 1.1 and Query, their
// errors, request checks in AWS's words, Signature Version 4, paging tokens, and the decorator that
// stands around every operation. It knows no service; the generated packages plug themselves into it.
package awsproto
