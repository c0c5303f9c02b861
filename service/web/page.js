// Starts every part of the page. The parts know only the store (app/state.js) and what they change.
import { startKeyboard } from "./app/keyboard.js";
import { startTheme } from "./app/theme.js";
import { startSelection } from "./detection/selection.js";
import { startDownloads } from "./export/downloads.js";
import { startSnippets } from "./export/snippets.js";
import { startIntake } from "./frames/intake.js";
import { startDetection } from "./panels/detection.js";
import { startDisplay } from "./panels/display.js";
import { startFrames } from "./panels/frames.js";
import { startStatus } from "./panels/status.js";
import { startTable } from "./panels/table.js";
import { startViewer } from "./viewer/viewer.js";

startTheme();
startSelection();
startTable();
startViewer();
startFrames();
startDetection();
startDisplay();
startStatus();
startDownloads();
startSnippets();
startIntake();
startKeyboard();
