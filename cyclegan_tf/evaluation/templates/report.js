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
