/* Beside the page there is room for the contents; above it they stay closed, so that the verdicts come first. */
document.querySelector('.contents details').open = matchMedia('(min-width: 1480px)').matches;
