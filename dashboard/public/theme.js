// The theme that was chosen, before anything is drawn.
try {
	const chosen = localStorage.getItem('theme');
	if (chosen) {
		document.documentElement.dataset.theme = chosen;
	}
} catch {
	// Storage may be forbidden: then the system's theme it is.
}
