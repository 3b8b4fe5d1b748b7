"use strict";
// The strip of samples: one sheet at a time, by slider or by itself.
(() => {
  const slider = document.getElementById("moment");
  if (!slider) return;
  const frames = [...document.querySelectorAll(".strip > figure")];
  const label = document.querySelector(".player output"), play = document.getElementById("play");
  let timer = 0;
  const show = () => {
    frames.forEach((frame, number) => frame.classList.toggle("shown", number === Number(slider.value)));
    label.textContent = "step " + frames[slider.value].dataset.step;
  };
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; };
  const next = () => {
    slider.value = Number(slider.value) + 1;
    show();
    if (slider.value === slider.max) stop();
  };
  slider.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) { slider.value = 0; show(); }
    play.textContent = "Pause";
    timer = setInterval(next, 500);
  });
  show();
})();
// Plots: the values at the place that is pointed at, or moved to by arrow keys.
for (const plot of document.querySelectorAll(".plot")) {
  const data = JSON.parse(plot.querySelector("script").textContent);
  const rule = document.createElement("div"), tip = document.createElement("div");
  rule.className = "rule";
  tip.className = "tip";
  let number = data.steps.length - 1;
  const brief = (value) => Number(value.toPrecision(3)).toString();
  const line = (colour, text) => {
    const row = document.createElement("div"), dot = document.createElement("i");
    if (colour) { row.className = "series-" + colour; row.append(dot); }
    row.append(text);
    return row;
  };
  const show = () => {
    const place = data.places[number] / 10;
    tip.replaceChildren(line(0, "step " + data.steps[number].toLocaleString("en")));
    data.values.forEach((values, index) => {
      const [mean, low, high] = values[number];
      const range = low === null ? "none" : low === high ? brief(low) : brief(low) + " to " + brief(high);
      tip.append(line(index % 4 + 1, (mean === null ? "none" : brief(mean)) + ", recorded: " + range));
    });
    rule.style.left = place + "%";
    tip.style.left = place < 50 ? "calc(" + place + "% + .5rem)" : "auto";
    tip.style.right = place < 50 ? "auto" : "calc(" + (100 - place) + "% + .5rem)";
    plot.append(rule, tip);
  };
  const hide = () => { rule.remove(); tip.remove(); };
  const point = (event) => {
    const box = plot.getBoundingClientRect(), x = 1000 * (event.clientX - box.left) / box.width;
    number = data.places.reduce((best, place, index) => Math.abs(place - x) < Math.abs(data.places[best] - x) ? index : best, 0);
    show();
  };
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("focus", show);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    number = Math.min(Math.max(number + move, 0), data.steps.length - 1);
    show();
  });
}
