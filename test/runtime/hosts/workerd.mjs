import * as lancelet from "../../../dist/workerd.js";
import { smoke } from "../smoke.mjs";

export default {
  async fetch(request) {
    try {
      return Response.json(await smoke(lancelet, new URL(request.url).searchParams.get("uri")));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
