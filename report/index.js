/* The list of results. */
"use strict";

makeSortable(document.getElementById("results"));
connectTheme();
