// Draws what arrives onto one canvas for each view, at once and in order; never queues.

/** `canvases`: name -> canvas. */
export class Painter {
  canvases = {};
  framesDrawn = 0;
  lastHead = null;
  #arrived = 0;
  #drawn = 0;

  canvas(view) {
    this.canvases[view] ??= document.createElement("canvas");
    return this.canvases[view];
  }

  /** All pictures of one record appear together; one that was overtaken while it was decoded is left out. */
  async draw(head, pictures) {
    if (!pictures.size) {
      this.lastHead = head;
      return;
    }
    this.#arrived += 1;
    const turn = this.#arrived;
    const views = [...pictures.keys()];
    const bitmaps = await Promise.all(views.map((view) => createImageBitmap(pictures.get(view))));
    if (turn > this.#drawn) {
      this.#drawn = turn;
      views.forEach((view, at) => this.#paint(view, bitmaps[at], bitmaps[at].width, bitmaps[at].height));
      this.lastHead = head;
      this.framesDrawn += 1;
    }
    for (const bitmap of bitmaps) bitmap.close();
  }

  /** One picture of a video element (WebRTC). */
  film(view, video) {
    this.#paint(view, video, video.videoWidth, video.videoHeight);
    this.framesDrawn += 1;
  }

  #paint(view, source, width, height) {
    const canvas = this.canvas(view);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    canvas.getContext("2d", { alpha: false }).drawImage(source, 0, 0);
    canvas.dataset.drawn = "yes";
  }
}
