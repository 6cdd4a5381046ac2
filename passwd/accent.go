package passwd

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// A colour of the screen: red, green and blue.
type colour [3]uint8

// What an accent is seen beside, see web.Style.
var (
	white    = colour{0xff, 0xff, 0xff} // text on a button, and the card below a link
	black    = colour{}
	darkCard = colour{0x1b, 0x23, 0x27}
	darkText = colour{0x12, 0x18, 0x1b} // text on a button where the page is dark
)

// leastContrast is what text needs: https://www.w3.org/TR/WCAG22/#contrast-minimum
const leastContrast = 4.5

// accentStyle returns the end of a style sheet in which buttons and links have a colour.
func accentStyle(text string) ([]byte, error) {
	digits, isColour := strings.CutPrefix(text, "#")
	channels, err := hex.DecodeString(digits)
	if !isColour || err != nil || len(channels) != len(colour{}) {
		return nil, fmt.Errorf("passwd: Accent %q is not a colour such as #0b6470", text)
	}
	light := colour(channels)
	if got := light.contrast(white); got < leastContrast {
		return nil, fmt.Errorf("passwd: Accent %s has a contrast of %.1f with white, and people need %.1f to read it: %s would do",
			text, math.Floor(got*10)/10, leastContrast, light.until(white, black))
	}
	dark := light.until(darkCard, white)
	return fmt.Appendf(nil, `
:root { --accent: %s; --accent-hover: %s; --on-accent: %s; }
@media (prefers-color-scheme: dark) {
  :root { --accent: %s; --accent-hover: %s; --on-accent: %s; }
}
`, light, light.mix(black, 0.2), white, dark, dark.mix(white, 0.3), darkText), nil
}

func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// mix returns c with a part of another colour.
func (c colour) mix(other colour, part float64) colour {
	for i := range c {
		c[i] = uint8(math.Round(float64(c[i])*(1-part) + float64(other[i])*part))
	}
	return c
}

// until mixes c with another colour until text can be read beside a ground.
func (c colour) until(ground, other colour) colour {
	for part := 0.0; part < 1; part += 1.0 / 64 {
		if mixed := c.mix(other, part); mixed.contrast(ground) >= leastContrast {
			return mixed
		}
	}
	return other
}

// contrast returns the contrast ratio of two colours: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
func (c colour) contrast(other colour) float64 {
	a, b := c.luminance(), other.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

func (c colour) luminance() float64 {
	linear := func(channel uint8) float64 {
		if part := float64(channel) / 255; part > 0.04045 {
			return math.Pow((part+0.055)/1.055, 2.4)
		}
		return float64(channel) / 255 / 12.92
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}
