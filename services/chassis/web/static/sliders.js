// Without this, a slider is moved and the form sent by its button. With it, the date beside a
// slider follows as it is moved, and letting go sends the form.
"use strict";

function dayAt(slider) {
  const day = new Date(slider.dataset.first + "T00:00:00Z");
  day.setUTCDate(day.getUTCDate() + Number(slider.value));
  return day.toISOString().slice(0, 10);
}

for (const form of document.querySelectorAll("form[data-slides]")) {
  for (const slider of form.querySelectorAll("input[type=range]")) {
    const date = form.elements[slider.dataset.date];
    slider.addEventListener("input", () => {
      date.value = dayAt(slider);
      slider.setAttribute("aria-valuetext", date.value);
    });
  }
  form.addEventListener("pointerup", (event) => {
    if (event.target.type === "range") form.requestSubmit();
  });
}
