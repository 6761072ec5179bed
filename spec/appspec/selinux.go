package appspec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const maxCategory = 1023

// parseRange reads an SELinux range sN[-sN][:cN[.cN][,…]] and writes it shortest.
func parseRange(text string) (string, error) {
	levels, categories, hasCategories := strings.Cut(text, ":")
	low, high, isSpan := strings.Cut(levels, "-")
	from, err := numbered(low, 's')
	if err != nil {
		return "", err
	}
	out := "s" + strconv.Itoa(from)
	if isSpan {
		to, err := numbered(high, 's')
		if err != nil {
			return "", err
		}
		if to < from {
			return "", errors.New("the higher level is below the lower")
		}
		if to > from {
			out += "-s" + strconv.Itoa(to)
		}
	}
	if !hasCategories {
		return out, nil
	}
	all, err := parseCategories(categories)
	if err != nil {
		return "", err
	}
	return out + ":" + writeCategories(all), nil
}

func numbered(text string, letter byte) (int, error) {
	if len(text) >= 2 && text[0] == letter && strings.Trim(text[1:], "0123456789") == "" {
		if n, err := strconv.Atoi(text[1:]); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s is not %c and a number", quote(text), letter)
}

func parseCategories(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		low, high, isSpan := strings.Cut(part, ".")
		from, err := numbered(low, 'c')
		if err != nil {
			return nil, err
		}
		to := from
		if isSpan {
			if to, err = numbered(high, 'c'); err != nil {
				return nil, err
			}
		}
		if to < from || to > maxCategory {
			return nil, fmt.Errorf("the categories %s are out of order or beyond c%d", quote(part), maxCategory)
		}
		for n := from; n <= to; n++ {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		return nil, errors.New("a category is there twice")
	}
	return all, nil
}

func writeCategories(all []int) string {
	var spans []string
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && all[j+1] == all[j]+1 {
			j++
		}
		span := "c" + strconv.Itoa(all[i])
		if j > i {
			span += ".c" + strconv.Itoa(all[j])
		}
		spans = append(spans, span)
		i = j + 1
	}
	return strings.Join(spans, ",")
}
