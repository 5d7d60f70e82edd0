// Reads points out of a chart: the nearest to the pointer, or the one the arrow keys have come to.
export function charts(root) {
  for (const figure of root.querySelectorAll("[data-chart]")) {
    const plot = figure.querySelector(".plot");
    const output = figure.querySelector("output");
    const probe = figure.querySelector(".probe");
    const points = JSON.parse(plot.dataset.points);
    let at = points.length - 1;

    const show = (index) => {
      at = Math.min(Math.max(index, 0), points.length - 1);
      const [x, y, said] = points[at];
      const line = probe.querySelector("line");
      const dot = probe.querySelector("circle");
      line.setAttribute("x1", `${x}%`);
      line.setAttribute("x2", `${x}%`);
      dot.setAttribute("cx", `${x}%`);
      dot.setAttribute("cy", y);
      probe.setAttribute("visibility", "visible");
      output.textContent = said;
    };
    const hide = () => {
      probe.setAttribute("visibility", "hidden");
      output.textContent = "";
    };
    const nearest = (event) => {
      const box = plot.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * 100;
      let best = 0;
      points.forEach((point, index) => {
        if (Math.abs(point[0] - x) < Math.abs(points[best][0] - x)) best = index;
      });
      show(best);
    };
    plot.onpointermove = nearest;
    plot.onpointerdown = nearest;
    plot.onpointerleave = hide;
    plot.onblur = hide;
    plot.onkeydown = (event) => {
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(to);
    };
  }
}
