/*
 * fuzz_window.c
 *		An accepted time window can be written, is accepted again as the same, and
 *		covers itself; the input is the text.
 */
#include "policy/window.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	char written[WINDOW_TEXT_BYTES];
	char again[WINDOW_TEXT_BYTES];
	Window window;
	Window copy;

	if (window_parse(text, size, &window) == NULL)
	{
		window_format(&window, written);
		MUST(strlen(written) < WINDOW_TEXT_BYTES - 1);
		MUST(window_parse(written, strlen(written), &copy) == NULL);
		window_format(&copy, again);
		MUST(strcmp(written, again) == 0);
		MUST(window.days == copy.days && window.from == copy.from && window.to == copy.to);
		MUST(window.days != 0 && window.from != window.to);
		MUST(windows_cover(&window, 1, &copy));
	}
	free(text);
	return 0;
}
